// When the reader shows another article, bring the marked span into view and move the focus to it.
// The tab is first drawn when it is first opened, and may open after its text has arrived: so look at once
// and after every change, for at most two seconds each time.
function reveal() {
  let tries = 40;
  const look = () => {
    const mark = element.querySelector("mark");
    if (mark && mark.offsetParent && !mark.dataset.shown) {
      mark.dataset.shown = "yes"; // the text before this one may still stand there: do not show it again
      mark.setAttribute("tabindex", "-1");
      mark.focus({ preventScroll: true });
      mark.scrollIntoView({ block: "center" });
    } else if (tries-- > 0) {
      setTimeout(look, 50);
    }
  };
  look();
}
watch("value", reveal);
reveal();
