"use strict";

const BLINK_MS = 600; // slower than three flashes a second, which can harm

const viewer = document.getElementById("viewer");
const swipe = document.getElementById("swipe");
const blink = document.getElementById("blink");
const shown = document.getElementById("shown");
let timer = null;

function show(side) {
  viewer.dataset.show = side;
  shown.textContent = side;
}

function stopBlinking() {
  clearInterval(timer);
  timer = null;
  delete viewer.dataset.show;
  shown.textContent = "";
  blink.setAttribute("aria-pressed", "false");
}

function toggleBlinking() {
  if (timer !== null) {
    stopBlinking();
    return;
  }
  blink.setAttribute("aria-pressed", "true");
  show("registered");
  timer = setInterval(
    () => show(viewer.dataset.show === "reference" ? "registered" : "reference"),
    BLINK_MS,
  );
}

function moveDivider() {
  const share = Math.round(swipe.value);
  viewer.style.setProperty("--at", `${swipe.value}%`);
  swipe.setAttribute("aria-valuetext", `${share} % reference`);
}

swipe.addEventListener("input", () => {
  stopBlinking();
  moveDivider();
});
blink.addEventListener("click", toggleBlinking);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "b" || event.key === "B") toggleBlinking();
  if (event.key === "Escape") stopBlinking();
});
moveDivider(); // a reloaded page keeps the slider where it was left
