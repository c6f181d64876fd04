// Filters the list of failures, unfolds passages, picks the rival system; without it everything is shown.
const at = (id) => document.getElementById(id);

function choose() {
  document.querySelectorAll(".duel").forEach((duel, n) => { duel.hidden = n !== Number(at("rival").value); });
}

function filter() {
  const why = at("why").value, type = at("type")?.value ?? "", text = at("text").value.trim().toLowerCase();
  let shown = 0;
  for (const failure of document.querySelectorAll(".failure")) {
    const fits = (!why || failure.dataset.why.split("|").includes(why)) && (!type || failure.dataset.type === type)
      && (!text || failure.textContent.toLowerCase().includes(text));
    failure.hidden = !fits;
    shown += fits;
  }
  at("count").textContent = `${shown} question${shown === 1 ? "" : "s"}`;
}

document.addEventListener("click", (event) => event.target.closest(".long")?.classList.remove("long"));
if (at("rival")) { at("rival").addEventListener("change", choose); choose(); }
for (const id of ["why", "type", "text"]) at(id)?.addEventListener("input", filter);
