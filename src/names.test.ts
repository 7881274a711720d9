import { expect, test } from 'vitest';
import { nameOf } from './names';

test.each([
  ['errorRate', 'Error rate'],
  ['first_seen', 'First seen'],
  ['count', 'Count'],
  ['$by', '$by'],
  ['hero-image', 'hero-image'],
])('%s is written %s', (key, name) => expect(nameOf(key)).toBe(name));
