import { Basket } from './cart';

function payForEverything(basket: Basket): number {
  return basket.total() * 1.19;
}

export function startCheckout(): void {
  const basket = new Basket();
  basket.add({ name: 'hat' });
  payForEverything(basket);
}
