import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A collector's address behind a blocker: it lets the agent's script through, and none of its beacons. */
export class Blocker {
  private constructor(
    private readonly server: Server,
    readonly collector: string
  ) {}

  static async start(collector: string): Promise<Blocker> {
    const server = createServer((request, response) => {
      if (request.url !== '/agent.js') {
        request.socket.destroy();
        return;
      }
      void fetch(`${collector}/agent.js`)
        .then((script) => script.text())
        .then((script) => {
          response.setHeader('access-control-allow-origin', '*');
          response.setHeader('content-type', 'text/javascript').end(script);
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Blocker(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
