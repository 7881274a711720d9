import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the beacons are, as somebody types it who adds the data source by hand. */
export interface Store {
  address: string;
  database: string;
  user: string;
  password: string;
}

/**
 * The store behind GRAFANA_URL: by the variables that provisioning/ is filled in with, or from the data folder of the
 * embedded engine (SIGHTLINE_DATA; without it the one of `go tool mage demo`).
 */
export function storeFromEnvironment(env = process.env): Store {
  if (env.SIGHTLINE_READER_PASSWORD) {
    return {
      address: env.SIGHTLINE_ADDRESS ?? '127.0.0.1:8123',
      database: env.SIGHTLINE_DATABASE ?? 'sightline',
      user: env.SIGHTLINE_READER ?? 'sightline_reader',
      password: env.SIGHTLINE_READER_PASSWORD,
    };
  }
  const file = join(env.SIGHTLINE_DATA ?? join(__dirname, '../../../data/demo'), 'engine/access.json');
  try {
    const { address, database, reader } = JSON.parse(readFileSync(file, 'utf8')) as Access;
    return { address, database, ...reader };
  } catch (cause) {
    throw new Error(
      'The login of the store is needed to add a data source: set SIGHTLINE_DATA to the data folder of the demo, or ' +
        'SIGHTLINE_ADDRESS and SIGHTLINE_READER_PASSWORD to those of a ClickHouse server',
      { cause }
    );
  }
}

interface Access {
  address: string;
  database: string;
  reader: { user: string; password: string };
}
