// Put before the scripts that draw in the page's theme.

function isDark(colour) {
  const paint = document.createElement("canvas").getContext("2d");
  paint.fillStyle = colour;
  paint.fillRect(0, 0, 1, 1);
  const [red, green, blue] = paint.getImageData(0, 0, 1, 1).data;
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

