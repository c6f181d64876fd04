// When the reader shows another article, bring the marked span into view and move the focus to it.
// The reader's tab may open only after the text has arrived, so wait (at most two seconds) until it shows.
watch("value", () => {
  let tries = 40;
  const show = () => {
    const mark = element.querySelector("mark");
    if (mark && mark.offsetParent) {
      mark.setAttribute("tabindex", "-1");
      mark.focus({ preventScroll: true });
      mark.scrollIntoView({ block: "center" });
    } else if (tries-- > 0) {
      setTimeout(show, 50);
    }
  };
  show();
});
