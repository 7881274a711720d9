import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

// jsdom draws nothing, so it lacks what @grafana/ui asks of a screen while it loads and while it lays out lists.
window.matchMedia = (media) =>
  Object.assign(new EventTarget(), { media, matches: false, onchange: null, addListener() {}, removeListener() {} });
window.HTMLElement.prototype.scrollIntoView = () => {};

afterEach(cleanup);
