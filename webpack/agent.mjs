// Builds the browser agent into pkg/agent/built/, from where the sidecar takes it: a script for a tag, and a module with
// its types for bundlers.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import CopyPlugin from 'copy-webpack-plugin';
import MinimizerPlugin from 'minimizer-webpack-plugin';
import webpack from 'webpack';
import { Budget } from './budget.mjs';
import { fromSource } from './source.mjs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

const exported = `
/** The agent. None of its methods ever throws. */
export declare const sightline: Sightline;
`;

// Syntax that all browsers have had since 2022. Where it is not understood, the script does nothing at all.
const modern = (mode) => {
  const shared = fromSource(mode);
  const [rule] = shared.module.rules;
  return { ...shared, target: ['web', 'es2022'], module: { rules: [{ ...rule, options: { target: 'es2022' } }] } };
};

const agent = (mode, entry, filename, more) => ({
  ...modern(mode),
  name: filename,
  devtool: false,
  entry: `./src/agent/${entry}.ts`,
  output: { path: resolve('pkg/agent/built'), filename, ...more.output },
  experiments: more.experiments,
  optimization: {
    minimizer: [
      new MinimizerPlugin({
        extractComments: false,
        terserOptions: {
          ecma: 2022,
          compress: { passes: 4, pure_getters: true, unsafe_arrows: true, keep_fargs: false, unsafe: true, unsafe_methods: true, hoist_props: true },
          // web-vitals marks with it what only its own modules use.
          mangle: { properties: { regex: /^_/ } },
          // Chromium then compiles it while it loads, apart from the page, and not function by function as they are called.
          format: { comments: false, preamble: '//# allFunctionsCalledOnLoad' },
        },
      }),
    ],
  },
  plugins: [
    new webpack.NormalModuleReplacementPlugin(/\/interactionCountPolyfill\.js$/, resolve('src/agent/interactionCount.ts')),
    // Elements are always named by our own selector, which masks; theirs is left out.
    new webpack.NormalModuleReplacementPlugin(/lib\/getSelector\.js$/, resolve('src/agent/selector.ts')),
    new webpack.DefinePlugin({ VERSION: JSON.stringify(version) }),
    // Nothing is loaded later: this is all that a page with every signal gets.
    new Budget(filename, 10_000),
    ...(more.plugins ?? []),
  ],
});

export default (_env, { mode }) => [
  agent(mode, 'script', 'agent.js', { output: { iife: true } }),
  agent(mode, 'index', 'agent.mjs', {
    output: { library: { type: 'module' }, module: true },
    experiments: { outputModule: true },
    plugins: [new CopyPlugin({ patterns: [{ from: 'src/agent/types.ts', to: 'agent.d.ts', transform: (types) => `${types}${exported}` }] })],
  }),
];
