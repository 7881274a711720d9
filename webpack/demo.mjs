// Builds the Faro Web SDK for the demo shop's pages into bin/demo/, as the one script file that sites usually load.
import { resolve } from 'node:path';
import { fromSource } from './source.mjs';

export default (_env, { mode }) => ({
  ...fromSource(mode),
  name: 'demo',
  devtool: false,
  entry: { faro: './src/demo/faro.ts' },
  output: { path: resolve('bin/demo'), filename: '[name].js' },
});
