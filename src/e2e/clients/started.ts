/** What a page's address tells its client: where to send, for which app, and whose visit it is. */
const told = new URL(location.href).searchParams;

export const endpoint = told.get('endpoint') ?? '';
export const session = told.get('session') ?? '';
export const app = { name: told.get('app') ?? '', version: '1.4.2', environment: 'production' };
