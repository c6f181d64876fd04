// Conversations stay in this browser: localStorage, one key each, so that two tabs never overwrite each other.
// Which one is open is a matter of the tab (sessionStorage), so a reload finds it again.
window.pincite = (() => {
  const PREFIX = "pincite.conversation.";
  const OPEN = "pincite.open";

  function read(key) {
    try {
      const kept = JSON.parse(localStorage.getItem(key));
      return kept && kept.record && typeof kept.record.id === "string" ? kept : null;
    } catch {
      return null; // not ours, or damaged: as if it were not there
    }
  }

  function all() {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX))
      .map(read)
      .filter(Boolean)
      .sort((a, b) => b.time - a.time);
  }

  const list = () => all().map(({ record, title }) => ({ id: record.id, title: title || record.title }));

  function write(kept) {
    for (;;) {
      try {
        localStorage.setItem(PREFIX + kept.record.id, JSON.stringify(kept));
        return;
      } catch (full) {
        const oldest = all().pop();
        if (!oldest || oldest.record.id === kept.record.id) throw full;
        localStorage.removeItem(PREFIX + oldest.record.id);
      }
    }
  }

  function save(record) {
    if (record && record.turns.length) {
      const before = read(PREFIX + record.id);
      write({ record, title: before ? before.title : "", time: Date.now() });
      sessionStorage.setItem(OPEN, record.id);
    }
    return list();
  }

  function get(id) {
    const kept = read(PREFIX + id);
    return kept && { ...kept.record, title: kept.title || kept.record.title };
  }

  function open(id) {
    sessionStorage.setItem(OPEN, id);
    return get(id);
  }

  function rename(id, title) {
    const kept = read(PREFIX + id);
    if (kept && title.trim()) write({ ...kept, title: title.trim().slice(0, 80) });
  }

  function remove(id) {
    localStorage.removeItem(PREFIX + id);
    if (sessionStorage.getItem(OPEN) === id) close();
  }

  const close = () => sessionStorage.removeItem(OPEN);
  const restore = () => [list(), get(sessionStorage.getItem(OPEN) || "")];

  function download(file) {
    if (!file || !file.text) return [];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([file.text], { type: "text/markdown" }));
    link.download = file.name;
    link.click();
    URL.revokeObjectURL(link.href);
    return [];
  }

  return { save, list, get, open, rename, remove, close, restore, download };
})();
