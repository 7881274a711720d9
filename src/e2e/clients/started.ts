/** What a page's address tells its client: where to send, and whose visit it is. */
export const { endpoint, session } = Object.fromEntries(new URL(location.href).searchParams) as {
  endpoint: string;
  session: string;
};

export const app = { name: 'clients', version: '1.4.2', environment: 'qa' };
