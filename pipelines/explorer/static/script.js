// What makes the pages nicer where scripts run; without it everything still works.
"use strict";

for (const link of document.querySelectorAll("a[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy as JSON";
  button.addEventListener("click", async () => {
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) throw new Error(answer.status);
      await navigator.clipboard.writeText(await answer.text());
      button.textContent = "Copied";
    } catch {
      window.location.href = link.href;
    }
  });
  link.after(" ", button);
}

for (const image of document.querySelectorAll("img[data-fallback]")) {
  const replace = () => {
    const name = document.createElement("span");
    name.className = "file";
    name.textContent = image.alt;
    image.replaceWith(name);
  };
  if (image.complete && image.naturalWidth === 0) replace();
  else image.addEventListener("error", replace);
}

const drop = document.querySelector("form.drop");
if (drop) {
  const field = drop.querySelector("input[type=file]");
  for (const kind of ["dragover", "dragenter"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) {
      field.files = event.dataTransfer.files;
      drop.submit();
    }
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select")) return;
  if (event.key === "/") {
    const field = document.getElementById("q");
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
    return;
  }
  const step = { j: "next", k: "prev" }[event.key];
  const link = step && document.querySelector(`a[rel=${step}]`);
  if (link) window.location.href = link.href;
});
