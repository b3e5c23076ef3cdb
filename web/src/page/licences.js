/** The licences: files beside the page; in a single file, they are inside it. */

/** @param {import("../site.js").Site} site */
export function showLicences(site) {
  if (!site.single_file) return;
  for (const link of document.querySelectorAll("footer a")) {
    const name = link.getAttribute("href") ?? "";
    const text = document.getElementById(`licence:${name}`)?.textContent;
    if (text) link.setAttribute("href", URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" })));
    else link.replaceWith(name);
  }
}
