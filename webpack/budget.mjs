// Prints what a bundle costs the browser, and fails the build when it costs too much.
import { gzipSync } from 'node:zlib';

/** A webpack plugin that holds one output file to a size in bytes after gzip. Only production builds are held to it. */
export class Budget {
  constructor(file, bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  apply(compiler) {
    if (compiler.options.mode !== 'production') {
      return;
    }
    compiler.hooks.afterEmit.tap('Budget', (compilation) => {
      const emitted = compilation.getAsset(this.file);
      if (!emitted) {
        return; // the build failed earlier and says why
      }
      const written = compiler.outputFileSystem.readFileSync(`${compilation.outputOptions.path}/${this.file}`);
      const size = gzipSync(written).length;
      const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
      console.log(`${this.file}: ${kB(size)} after gzip (budget ${kB(this.bytes)})`);
      if (size > this.bytes) {
        compilation.errors.push(new Error(`${this.file} is ${kB(size)} after gzip, over its budget of ${kB(this.bytes)}`));
      }
    });
  }
}
