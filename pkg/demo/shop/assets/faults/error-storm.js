// A widget that does not find its place in the page, and says so ten thousand times.
addEventListener('load', () => {
  for (let tile = 0; tile < 10_000; tile++) {
    queueMicrotask(() => {
      throw new SyntaxError('no place for a tile');
    });
  }
});
