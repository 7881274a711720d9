import { beforeEach, expect, test } from 'vitest';

import { clean } from './address';
import { setOptions } from './options';

beforeEach(() => setOptions({ app: 'shop' }));

test.each([
  ['https://shop.example/search?q=jane&page=2#top', 'https://shop.example/search'],
  ['https://jane:secret@shop.example/a', 'https://shop.example/a'],
  ['https://shop.example/#/reset?token=secret', 'https://shop.example/'],
  ['data:text/plain,jane', 'data:'],
  ['blob:https://shop.example/0b1c', 'blob:'],
  ['inline', 'inline'],
  ['BUTTON#pay.onclick', 'BUTTON#pay.onclick'],
])('%s is kept as %s', (address, kept) => expect(clean(address)).toBe(kept));

test('only the parameters that a site allows are kept', () => {
  setOptions({ app: 'shop', allowQuery: ['page'] });
  expect(clean('https://shop.example/search?q=jane&page=2&pages=3')).toBe('https://shop.example/search?page=2');
});
