// Builds the plugin's frontend into dist/: one AMD module that leaves to Grafana what Grafana provides.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import CopyPlugin from 'copy-webpack-plugin';
import { Budget } from './budget.mjs';
import { fromSource } from './source.mjs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const {
  id,
  info: { screenshots },
} = JSON.parse(readFileSync('plugin.json', 'utf8'));

// A release names the time it is built for, so that the same sources always give the same archive.
const epoch = process.env.SOURCE_DATE_EPOCH;
const today = (epoch ? new Date(Number(epoch) * 1000) : new Date()).toISOString().slice(0, 10);

const stamped = (content) => content.toString().replaceAll('%VERSION%', version).replaceAll('%TODAY%', today);

export default (_env, { mode }) => ({
  ...fromSource(mode),
  name: 'plugin',
  entry: { module: './src/module.ts' },
  output: {
    path: resolve('dist'),
    filename: '[name].js',
    library: { type: 'amd' },
    publicPath: `public/plugins/${id}/`,
    uniqueName: id,
    // The catalogue's validator holds the source map to what lies below src/.
    devtoolModuleFilenameTemplate: ({ namespace, resourcePath }) =>
      `webpack://${namespace}/${resourcePath.replace(/^\.\/src\//, './')}`,
    // The backend's binaries are built into the same folder.
    clean: { keep: /^(gpx_|go_plugin_build_manifest)/ },
  },
  externals: [
    'react',
    'react-dom',
    'rxjs',
    'lodash',
    '@emotion/css',
    '@emotion/react',
    '@grafana/data',
    '@grafana/runtime',
    '@grafana/ui',
  ],
  plugins: [
    new CopyPlugin({
      patterns: [
        { from: 'plugin.json', transform: stamped },
        { from: 'src/README.md' },
        { from: 'CHANGELOG.md' },
        { from: 'LICENSE', to: 'LICENSE', toType: 'file' },
        { from: 'src/img', to: 'img' },
        ...screenshots.map(({ path }) => ({ from: `docs/${path}`, to: path })),
        { from: 'src/dashboards', to: 'dashboards' },
      ],
    }),
    new Budget('module.js', 120_000),
  ],
});
