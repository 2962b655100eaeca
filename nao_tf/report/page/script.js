// The slider of an ascent. Without this script all its drawings stand beside each other.
"use strict";
for (const ascent of document.querySelectorAll(".ascent")) {
  const slider = ascent.querySelector(".slider"), input = slider.querySelector("input"), said = slider.querySelector("output");
  const rows = [...ascent.querySelectorAll("tr.stepping")];
  const show = () => {
    const row = rows[Number(input.value)], cells = [...row.children].map((cell) => cell.textContent.trim());
    for (const frame of ascent.querySelectorAll(".still")) frame.classList.toggle("on", frame.dataset.still === row.dataset.still);
    for (const mark of ascent.querySelectorAll(".step")) mark.classList.toggle("on", mark.dataset.step === input.value);
    for (const other of rows) other.classList.toggle("on", other === row);
    const where = cells[5] === "the start" ? "the start" : cells[5] ? "architecture " + cells[5] : "a new architecture";
    said.textContent = `${cells[0]}: ${where}, predicted ${cells[1]} ± ${cells[2]}, measured: ${cells[4]}`;
    input.setAttribute("aria-valuetext", said.textContent);
  };
  ascent.classList.add("live");
  slider.hidden = false;
  input.addEventListener("input", show);
  show();
}
