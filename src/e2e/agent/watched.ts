import type { Browser, BrowserContext, Page, Request } from '@playwright/test';

import type { Sightline } from '../../agent/types';
import { type Row, Stack } from '../stack';
import { Site } from './site';

declare global {
  interface Window {
    sightline?: Sightline;
  }
}

interface Visit {
  page: Page;
  site: Site;
  /** The beacons of the page so far: what was sent, under which address. */
  beacons: Request[];
}

interface How {
  /** Further attributes of the script tag. */
  attributes?: string;
  /** What stands before the tag, such as a stub. */
  before?: string;
  /** What stands for the tag. */
  tag?: string;
  /** Headers of the page. */
  headers?: Record<string, string>;
  /** Runs in the page before anything else. */
  first?: () => void;
  /** Prepares the visitor's browser. */
  prepare?: (context: BrowserContext) => Promise<unknown>;
}

/** Pages that the agent watches, each of an app of its own, and what the plugin answers of them. */
export class Watched {
  private readonly sites: Site[] = [];

  private constructor(readonly stack: Stack) {}

  static async start(): Promise<Watched> {
    return new Watched(await Stack.start());
  }

  async stop(): Promise<void> {
    await Promise.all(this.sites.map((site) => site.stop()));
    await this.stack.stop();
  }

  tag(app: string, attributes = ''): string {
    return `<script async src="${this.stack.collector}/agent.js" data-app="${app}" ${attributes}></script>`;
  }

  /** Serves pages with this in their head. */
  async serve(head: string, headers?: Record<string, string>): Promise<Site> {
    const site = await Site.start(head, headers);
    this.sites.push(site);
    return site;
  }

  async visit(browser: Browser, app: string, how: How = {}): Promise<Visit> {
    const site = await this.serve((how.before ?? '') + (how.tag ?? this.tag(app, how.attributes)), how.headers);
    const context = await browser.newContext();
    if (how.first) {
      await context.addInitScript(how.first);
    }
    await how.prepare?.(context);
    const page = await context.newPage();
    const beacons: Request[] = [];
    page.on('request', (request) => request.url().startsWith(`${this.stack.collector}/collect`) && beacons.push(request));
    await page.goto(`${site.url}/start`, { waitUntil: 'networkidle' });
    return { page, site, beacons };
  }

  ask(queryType: string, app: string, more: object = {}, found: (rows: Row[]) => boolean = (rows) => rows.length > 0) {
    return this.stack.askUntil({ queryType, app, format: 'table', minSamples: 1, ...more }, found);
  }

  /** What the only session's timeline says, item by item, once it says what is looked for. */
  async timeline(app: string, found: (rows: Row[]) => boolean): Promise<Row[]> {
    const [session] = await this.ask('sessions', app);
    return this.stack.askUntil({ queryType: 'session', app, sessionId: session.sessionId }, found);
  }
}

/** Leaves the page, which sends what it has. */
export const leave = (page: Page) => page.goto('about:blank');

/** A stub that keeps calls until the agent is there, as docs/agent.md has it, and what the page then calls. */
export const stub = (calls: string, nonce = '') => `<script nonce="${nonce}">sightline = { q: [] };
  ['init', 'route', 'action', 'error', 'user', 'consent'].forEach((name) => (sightline[name] = (...args) => sightline.q.push([name, ...args])));
  ${calls}</script>`;
