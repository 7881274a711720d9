// Another vendor's script, which puts its own functions in the place of the browser's, when it comes and again when the
// page is there. What it puts there does what the browser's did, and cannot be changed by who comes later.
function watchEverything() {
  const { fetch } = window;
  Object.defineProperty(window, 'fetch', { configurable: true, writable: false, value: (...call) => fetch(...call) });
  const { open, send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (...call) {
    return open.apply(this, call);
  };
  XMLHttpRequest.prototype.send = function (...call) {
    return send.apply(this, call);
  };
  const { pushState } = history;
  history.pushState = (...change) => pushState.apply(history, change);
}

watchEverything();
addEventListener('load', watchEverything);
