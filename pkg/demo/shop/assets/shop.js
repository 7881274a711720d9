// What the shop's pages do. The basket lives in the browser; nothing typed leaves the page.
const basket = () => JSON.parse(localStorage.getItem('basket') ?? '[]');
const element = (id) => document.getElementById(id);
const send = (path, body) =>
  fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

function count() {
  element('count').textContent = basket().length;
}

const pages = {
  async product() {
    const id = document.querySelector('[data-product]').dataset.product;
    element('add').addEventListener('click', async () => {
      await send('/api/cart/items', { id });
      localStorage.setItem('basket', JSON.stringify([...basket(), id]));
      element('added').textContent = 'It is in your basket.';
      count();
    });
    // An offer that arrives late and pushes the page down: a layout shift, on purpose.
    setTimeout(() => {
      element('offer').innerHTML = '<p class="offer">Two for one on everything that is round, until Sunday.</p>';
    }, 700);
    const goods = await (await fetch(`/api/recommendations/${id}`)).json();
    const list = document.createElement('ul');
    list.className = 'goods';
    for (const good of goods.filter((g) => String(g.id) !== id)) {
      const item = document.createElement('li');
      item.innerHTML = `<a href="/product/${good.id}"><img src="/images/${good.id}.svg" width="300" height="225" alt="">
        <b>${good.name}</b></a>`;
      list.append(item);
    }
    element('recommendations').append(list);
  },

  cart() {
    element('basket').innerHTML = basket().map((id) => `<li><a href="/product/${id}">Item ${id}</a></li>`).join('');
    // Keeps the main thread busy while the visitor waits for paint: a slow interaction, on purpose.
    element('voucher').addEventListener('click', () => {
      const until = performance.now() + 350;
      while (performance.now() < until) {
        Math.sqrt(Math.random());
      }
      const request = new XMLHttpRequest(); // this part of the shop is an old one
      request.addEventListener('load', () => {
        element('discount').textContent =
          request.status === 410 ? 'This voucher has been used before.' : 'Vouchers cannot be checked now.';
      });
      request.open('POST', '/api/cart/voucher');
      request.send();
    });
  },

  async checkout() {
    const { shippingCents } = await (await send('/api/checkout/quote', { items: basket() })).json();
    element('quote').textContent = `Shipping is € ${(shippingCents / 100).toFixed(2)}.`;
  },

  // The parts of the account are shown without loading the page again.
  account() {
    element('login').addEventListener('click', async () => {
      await send('/api/login', {});
      element('welcome').textContent = 'Welcome back.';
    });
    const show = async () => {
      const address = location.pathname.startsWith('/account/addresses/');
      const found = await (await fetch(address ? `/api${location.pathname}` : '/api/account/orders')).json();
      element('section').textContent = address
        ? (found.street ?? 'There is no such address.')
        : found.length ? `${found.length} orders` : 'You have not ordered anything yet.';
    };
    const named = () => window.sightline?.route(location.pathname.replace(/addresses\/.*/, 'addresses/:name'));
    element('account').addEventListener('click', (event) => {
      const { href } = event.target;
      if (href) {
        event.preventDefault();
        history.pushState({}, '', href);
        named();
        void show();
      }
    });
    window.addEventListener('popstate', () => {
      named();
      void show();
    });
    void show();
  },

  help() {
    element('find').addEventListener('click', async () => {
      const orders = await (await fetch('/api/account/orders')).json();
      element('found').textContent = orders.length
        ? `${orders.length} orders are on their way.`
        : 'You have not ordered anything yet.';
    });
  },
};

for (const [id, decision, said] of [
  ['allow', 'granted', 'Thank you.'],
  ['refuse', 'denied', 'Then nothing is measured.'],
]) {
  element(id)?.addEventListener('click', () => {
    window.sightline?.consent(decision);
    element('decided').textContent = said;
  });
}

count();
pages[document.body.dataset.page]?.();
