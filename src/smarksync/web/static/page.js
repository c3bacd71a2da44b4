"use strict";
// Parts marked data-renew are fetched again every so many seconds and put in place, focus and scroll left alone.
for (const part of document.querySelectorAll("[data-renew]")) {
  const seconds = Number(part.dataset.renew);
  const renew = async () => {
    if (!document.hidden && !part.contains(document.activeElement)) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (answer.ok) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const fresh = page.getElementById(part.id);
          if (fresh) part.replaceChildren(...fresh.childNodes);
          if (fresh && !fresh.hasAttribute("data-renew")) { part.removeAttribute("data-renew"); return; }
        }
      } catch { /* the dashboard was stopped: what is shown stays */ }
    }
    setTimeout(renew, seconds * 1000);
  };
  setTimeout(renew, seconds * 1000);
}
