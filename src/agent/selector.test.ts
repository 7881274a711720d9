import { beforeEach, expect, test } from 'vitest';

import { setOptions } from './options';
import { nameOf, selectorOf } from './selector';

const select = (html: string, selector: string) => {
  document.body.innerHTML = html;
  return document.querySelector(selector);
};

beforeEach(() => setOptions({ app: 'shop' }));

test('a selector ends at the next id or name', () => {
  expect(selectorOf(select('<main id="goods"><p class="hint"><b>x</b></p></main>', 'b'))).toBe('#goods>p.hint>b');
  expect(selectorOf(select('<div data-sightline-name="pay"><button><b>x</b></button></div>', 'b'))).toBe(
    '[data-sightline-name="pay"]>button>b'
  );
});

test('what changes from build to build or item to item is left out', () => {
  expect(selectorOf(select('<p id="item-48151"><b class="css-1x8fz9k price sc-3f2ab1">x</b></p>', 'b'))).toBe('body>p>b.price');
});

test('a selector has three steps at most, and no text', () => {
  const deep = selectorOf(select('<i><i><i><i><u title="Jane Doe">Jane Doe</u></i></i></i></i>', 'u'));
  expect(deep).toBe('i>i>u');
});

test('a text node is named by its element', () => {
  expect(selectorOf(select('<p id="hint">x</p>', 'p')!.firstChild)).toBe('#hint');
  expect(selectorOf(null)).toBe('');
});

test('nothing is said of what is masked', () => {
  setOptions({ app: 'shop', mask: '.private' });
  expect(selectorOf(select('<div class="private"><b id="jane-doe">x</b></div>', 'b'))).toBe('masked');
});

test('an element is named by the nearest name', () => {
  expect(nameOf(select('<form data-sightline-name="checkout"><button data-sightline-name="pay"><b>x</b></button></form>', 'b')!)).toBe('pay');
});
