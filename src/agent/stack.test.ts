import { expect, test } from 'vitest';

import { framesOf } from './stack';

// As the engines wrote them for the same mistake, three functions deep.
const chromium = `TypeError: Cannot read properties of undefined (reading 'token')
    at readWalletToken (https://shop.example/assets/pay.js?v=3:5:24)
    at async Object.authorisePayment [as pay] (https://shop.example/assets/pay.js:9:30)
    at new Checkout (https://shop.example/assets/pay.js:12:3)
    at https://shop.example/assets/pay.js:37:5
    at Array.forEach (<anonymous>)`;
const firefox = `readWalletToken@https://shop.example/assets/pay.js:5:24
authorisePayment@https://shop.example/assets/pay.js:9:30
async*@https://shop.example/assets/pay.js:37:5
@https://shop.example/assets/pay.js:40:1
`;
const safari = `readWalletToken@https://shop.example/assets/pay.js:5:24
global code@https://shop.example/assets/pay.js:40:1
https://shop.example/assets/pay.js:44:7
forEach@[native code]`;

const places = (stack: string) => framesOf(stack).map((frame) => [frame.function, frame.lineno, frame.colno]);

test('frames of Chromium', () => {
  expect(places(chromium)).toEqual([
    ['readWalletToken', 5, 24],
    ['Object.authorisePayment [as pay]', 9, 30],
    ['Checkout', 12, 3],
    ['?', 37, 5],
  ]);
  expect(framesOf(chromium)[0].filename, 'without the query').toBe('https://shop.example/assets/pay.js');
});

test('frames of Firefox', () => {
  expect(places(firefox)).toEqual([
    ['readWalletToken', 5, 24],
    ['authorisePayment', 9, 30],
    ['async*', 37, 5],
    ['?', 40, 1],
  ]);
});

test('frames of Safari', () => {
  expect(places(safari)).toEqual([
    ['readWalletToken', 5, 24],
    ['global code', 40, 1],
    ['?', 44, 7],
  ]);
});

test('a message that looks like nothing gives no frames', () => {
  expect(framesOf('Error: at 3:4 the shop at https://shop.example closes')).toEqual([]);
  expect(framesOf()).toEqual([]);
});

test('an endless stack is cut', () => {
  expect(framesOf('    at f (https://shop.example/a.js:1:1)\n'.repeat(1000))).toHaveLength(50);
});
