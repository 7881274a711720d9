import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Row, sightline, type Stack } from './stack';

/** A demo shop of its own beside a stack, whose visits are an app of their own. */
export class Shop {
  private constructor(
    private readonly stack: Stack,
    readonly app: string,
    /** The folder of what its services export. */
    readonly data: string,
    private readonly process: ChildProcess,
    readonly url: string
  ) {}

  static async start(stack: Stack, app: string, collector = stack.collector): Promise<Shop> {
    const data = await mkdtemp(join(tmpdir(), 'sightline-shop-'));
    const process = spawn(sightline, [
      'shop',
      '--listen=127.0.0.1:0',
      `--collector=${collector}/collect`,
      `--app=${app}`,
      '--release=1.4.2',
      `--data=${data}`,
    ]);
    let said = '';
    const url = await new Promise<string>((resolve, reject) => {
      const hear = (chunk: Buffer) => {
        const address = /^sightline shop: (http:\S+),/m.exec((said += chunk.toString()))?.[1];
        if (address) {
          resolve(address);
        }
      };
      process.stdout.on('data', hear);
      process.stderr.on('data', hear);
      process.once('exit', () => reject(new Error(`the shop ended by itself, and said: ${said}`)));
    });
    return new Shop(stack, app, data, process, url);
  }

  /** Asks the plugin about the shop's visits until the answer has what is looked for. */
  ask(queryType: string, more: object = {}, found = (rows: Row[]) => rows.length > 0): Promise<Row[]> {
    return this.stack.askUntil({ queryType, app: this.app, format: 'table', minSamples: 1, ...more }, found);
  }

  /** What the timeline of the only visit says, once the line looked for is there. */
  async timeline(found: (line: Row) => boolean): Promise<Row[]> {
    const [{ sessionId }] = await this.ask('sessions');
    return this.stack.askUntil({ queryType: 'session', app: this.app, sessionId }, (lines) => lines.some(found));
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await gone;
    await rm(this.data, { recursive: true, force: true });
  }
}
