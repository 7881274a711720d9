import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The built program. */
export const sightline = join(__dirname, '../../bin/sightline');

/** One field of a data frame with its values, as Grafana's frame JSON has them. */
export type Row = Record<string, unknown>;

/** The demo, started as a person starts it, on a folder and ports of its own. */
export class Stack {
  private said = '';

  private constructor(
    /** The folder of everything that the demo keeps. */
    readonly data: string,
    private readonly process: ChildProcess,
    /** Where the demo shop is. */
    readonly shop: string,
    /** Where beacons are taken. */
    readonly collector: string
  ) {
    const keep = (chunk: Buffer) => (this.said += chunk.toString());
    process.stdout?.on('data', keep);
    process.stderr?.on('data', keep);
  }

  static async start(): Promise<Stack> {
    const data = await mkdtemp(join(tmpdir(), 'sightline-browser-'));
    const [listen, engine, shop] = await Promise.all([freePort(), freePort(), freePort()]);
    const process = spawn(sightline, [
      'demo',
      `--data=${data}`,
      `--listen=127.0.0.1:${listen}`,
      `--engine-listen=127.0.0.1:${engine}`,
      `--shop-listen=127.0.0.1:${shop}`,
      '--sessions=0',
      '--rate=0',
    ]);
    const stack = new Stack(data, process, `http://127.0.0.1:${shop}`, `http://127.0.0.1:${listen}`);
    await until('the sidecar to be ready', async () => (await fetch(`${stack.collector}/readyz`)).ok, stack);
    await until('the shop to answer', async () => (await fetch(stack.shop)).ok, stack);
    return stack;
  }

  /** Asks the plugin, over go-plugin, and returns each frame's rows as objects by field name. */
  async ask(query: object): Promise<Row[]> {
    const { stdout } = await promisify(execFile)(sightline, [
      'query',
      `--data=${this.data}`,
      '--from=now-30m',
      '--output=json',
      JSON.stringify(query),
    ]);
    return (JSON.parse(stdout) as Frame[]).flatMap(rows);
  }

  /** Asks until an answer has what is looked for, since a beacon takes a moment to be stored. */
  async askUntil(query: object, found: (rows: Row[]) => boolean): Promise<Row[]> {
    let answer: Row[] = [];
    try {
      await until(`an answer to ${JSON.stringify(query)}`, async () => found((answer = await this.ask(query))), this);
    } catch (error) {
      throw new Error(`the last answer was ${JSON.stringify(answer)}`, { cause: error });
    }
    return answer;
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await gone;
    await rm(this.data, { recursive: true, force: true });
  }

  /** What the programs printed, for a failure's message. */
  get log(): string {
    return this.said.split('\n').slice(-40).join('\n');
  }
}

interface Frame {
  schema: { fields: Array<{ name: string }> };
  data: { values: unknown[][] };
}

function rows(frame: Frame): Row[] {
  const [first = []] = frame.data.values;
  return first.map((_, i) =>
    Object.fromEntries(frame.schema.fields.map((field, column) => [field.name, frame.data.values[column][i]]))
  );
}

async function until(what: string, done: () => Promise<boolean>, stack: Stack): Promise<void> {
  const end = Date.now() + 30_000;
  let last: unknown;
  while (Date.now() < end) {
    try {
      if (await done()) {
        return;
      }
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`waited 30 s for ${what}${last instanceof Error ? `; last error: ${last.message}` : ''}\nthe stack said:\n${stack.log}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
