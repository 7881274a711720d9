// The payment module, with the fault that release 2.5.0 brought: it expects a wallet that this browser does not have.
const wallets = {};

function readWalletToken(name) {
  return wallets[name].token;
}

function authorisePayment(order) {
  return { ...order, token: readWalletToken('pass') };
}

document.getElementById('checkout').addEventListener('submit', async (event) => {
  event.preventDefault();
  document.getElementById('outcome').textContent = 'Paying …';
  await fetch('/api/checkout/pay', { method: 'POST' });
  authorisePayment({ items: JSON.parse(localStorage.getItem('basket') ?? '[]') });
});
