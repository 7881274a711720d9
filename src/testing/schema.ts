import described from '../../pkg/query/testdata/schema.json';
import type { Schema } from '../schema';

/** What the backend answers at /schema: its own test keeps the file true. */
export const schema: Schema = described;
