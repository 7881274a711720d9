// Builds the pages of the real clients that the browser tests send from into bin/clients/, one script file each.
import { resolve } from 'node:path';
import { fromSource } from './source.mjs';

const clients = ['faro', 'otel', 'vitals'];

export default (_env, { mode }) => ({
  ...fromSource(mode),
  name: 'clients',
  devtool: false,
  entry: Object.fromEntries(clients.map((client) => [client, `./src/e2e/clients/${client}.ts`])),
  output: { path: resolve('bin/clients'), filename: '[name].js' },
});
