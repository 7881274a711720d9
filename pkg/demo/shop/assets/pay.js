// The payment module, with the fault that release 2.5.0 brought: it expects a wallet that this browser does not have.
const wallets = {};

function readWalletToken(name) {
  return wallets[name].token;
}

function authorisePayment(order) {
  return { ...order, token: readWalletToken('pass') };
}

// The page is measured by either of two, and tells the one that is there.
const faroAPI = () => window.GrafanaFaroWebSdk?.faro?.api;

// The trace of an answer, as its Server-Timing names it: with it, an error leads to what the back end did. The
// agent takes the header as it is.
function spanContextOf(answer) {
  const named = /traceparent;desc="00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(answer.headers.get('Server-Timing') ?? '');
  return named ? { traceId: named[1], spanId: named[2] } : undefined;
}

document.getElementById('checkout').addEventListener('submit', async (event) => {
  event.preventDefault();
  const outcome = document.getElementById('outcome');
  const method = event.target.elements.method.value;
  const items = JSON.parse(localStorage.getItem('basket') ?? '[]');
  outcome.textContent = 'Paying …';
  const answer = await fetch('/api/checkout/pay', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ method, items }),
  });
  if (method === 'wallet') {
    authorisePayment({ items });
  } else if (answer.ok) {
    localStorage.removeItem('basket');
    outcome.textContent = 'Thank you, it is on its way.';
    window.sightline?.action('order-placed');
    faroAPI()?.startUserAction('order-placed');
  } else {
    outcome.textContent = 'That did not work. You have not paid.';
    const error = new Error(`payment by ${method} was answered ${answer.status}`);
    error.name = 'PaymentError';
    window.sightline?.error(error, { serverTiming: answer.headers.get('Server-Timing') });
    faroAPI()?.pushError(error, { spanContext: spanContextOf(answer) });
  }
});
