// A partner's script, which puts its badge into the page once that is there.
addEventListener('load', () => {
  setTimeout(() => {
    const badge = new Image(40, 40);
    badge.src = 'https://badges.partner.example/fair.svg?shop=slow-goods';
    badge.alt = 'Fair trade';
    document.querySelector('footer').append(' ', badge);
  }, 200);
});
