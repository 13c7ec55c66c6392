// A slider changes the picture above it; all pictures are fetched before the first move, so that none flickers.
document.addEventListener("DOMContentLoaded", () => {
  for (const frames of document.querySelectorAll("figure.frames")) {
    const places = JSON.parse(frames.dataset.places);
    const [picture, slider, word] = ["img", "input", "output"].map((name) => frames.querySelector(name));
    places.forEach(([, file]) => { new Image().src = file; });
    slider.addEventListener("input", () => {
      const [value, file] = places[slider.value];
      picture.src = file;
      picture.alt = `${frames.dataset.name} = ${value}`;
      word.textContent = value;
    });
  }
});
