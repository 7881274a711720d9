// How every bundle of this project turns TypeScript into JavaScript.

/** The part of a webpack configuration that all bundles share. */
export const fromSource = (mode) => ({
  mode,
  target: ['web', 'es2020'],
  devtool: mode === 'production' ? 'source-map' : 'eval-source-map',
  resolve: { extensions: ['.ts', '.tsx', '.js'] },
  module: {
    rules: [{ test: /\.tsx?$/, exclude: /node_modules/, loader: 'esbuild-loader', options: { target: 'es2020' } }],
  },
  performance: { hints: false },
  stats: 'errors-warnings',
});
