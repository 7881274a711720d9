// Builds a page with the editors into bin/editors/, once with what Grafana 10.1 gives a plugin and once with 13.
import { resolve } from 'node:path';
import CopyPlugin from 'copy-webpack-plugin';
import { fromSource } from './source.mjs';

// What a plugin leaves to Grafana (webpack/plugin.mjs). 13's has a folder of its own, because both want the same names.
const given = ['react', 'react-dom', 'react-dom/client', 'rxjs', '@emotion/css', '@grafana/data', '@grafana/runtime', '@grafana/ui'];
const of13 = (name) => resolve('src/e2e/grafana13/node_modules', name);

const page = (version, alias) => {
  const shared = fromSource('development');
  return {
    ...shared,
    name: `editors on Grafana ${version}`,
    devtool: false,
    entry: './src/e2e/editors/page.tsx',
    output: { path: resolve('bin/editors', version), filename: 'editors.js' },
    resolve: { ...shared.resolve, alias, fallback: { stream: false, assert: false } },
    plugins: [new CopyPlugin({ patterns: ['src/e2e/editors/index.html'] })],
  };
};

export default [
  page('10.1', {}),
  page('13', Object.fromEntries(given.map((name) => [`${name}$`, of13(name)]))),
];
