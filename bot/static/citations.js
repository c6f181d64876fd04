// Clicks on citation links ("#read/ARTICLE/START-END"), anywhere on the page, become one Gradio event.
document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#read/"]');
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    trigger("click", { link: link.getAttribute("href") });
  },
  true
);
