// The quote behind a marker, shown while the marker is hovered or focused; on a touch screen by the first tap.
window.pincitePopover = (() => {
  const box = document.createElement("div");
  box.id = "popover";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  let owner = null;

  function line(name, text) {
    const part = document.createElement("p");
    part.className = name;
    part.textContent = text;
    return part;
  }

  function show(marker) {
    if (!box.isConnected) document.querySelector("#shell").append(box);
    owner = marker;
    box.replaceChildren(
      line("quote", `“${marker.dataset.quote}”`),
      line("where", marker.dataset.where),
      line("how", marker.dataset.how)
    );
    box.hidden = false;
    marker.setAttribute("aria-describedby", "popover");
    const at = marker.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left - 20), window.innerWidth - box.offsetWidth - 8);
    const above = at.top - box.offsetHeight - 8;
    box.style.left = `${left}px`;
    box.style.top = `${above > 8 ? above : at.bottom + 8}px`;
  }

  function hide() {
    if (!owner) return false;
    owner.removeAttribute("aria-describedby");
    owner = null;
    box.hidden = true;
    return true;
  }

  const marker = (event) => event.target.closest && event.target.closest("a.cite");
  const enter = (event) => {
    const found = marker(event);
    if (found) show(found);
    else if (event.type === "pointerover" && owner && owner !== document.activeElement) hide();
  };
  document.addEventListener("pointerover", (event) => event.pointerType === "mouse" && enter(event));
  document.addEventListener("focusin", (event) => (event.target.matches(":focus-visible") ? enter(event) : undefined));
  document.addEventListener("focusout", (event) => marker(event) === owner && hide());
  document.addEventListener("scroll", hide, true);
  document.addEventListener("pointerdown", (event) => !marker(event) && hide());

  return { show, hide, isFor: (candidate) => owner === candidate };
})();
