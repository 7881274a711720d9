// A script that hardens the page against others: nobody changes any more what the browser's classes have in common.
const hardened = [Array, Object, Promise, EventTarget, Node, Element, Event, History, XMLHttpRequest, Request, Response];
for (const { prototype } of hardened) {
  Object.freeze(prototype);
}
