// When the reader shows another article, bring the marked span into view, move the focus to it, and say which
// citation it is. The tab may open after its text has arrived: so look again for at most two seconds.
function count() {
  const { count = 0, at = -1 } = window.pinciteReading || {};
  const place = element.querySelector(".place");
  if (!place) return;
  place.textContent = at >= 0 ? `${at + 1} of ${count}` : "";
  element.querySelector('[data-do="previous"]').disabled = at <= 0;
  element.querySelector('[data-do="next"]').disabled = at + 1 >= count;
}

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
  count();
  look();
}
watch("value", reveal);
reveal();
