// A partner's script that counts something nobody needs, once the page is there: it keeps the page busy for 300 ms.
addEventListener('load', () => {
  setTimeout(function countVisitors() {
    const until = performance.now() + 300;
    while (performance.now() < until) {
      Math.sqrt(Math.random());
    }
  }, 500);
});
