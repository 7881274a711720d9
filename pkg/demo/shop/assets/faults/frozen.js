// A script that hardens the page against others: nobody changes any more what the browser's classes have in common.
for (const common of [Array, Object, Promise, EventTarget, Node, Element, Event, History, XMLHttpRequest, Request, Response]) {
  Object.freeze(common.prototype);
}
