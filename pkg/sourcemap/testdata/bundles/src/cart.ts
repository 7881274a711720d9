// A basket that fails on purpose when something costs nothing.
export interface Article {
  name: string;
  price?: { amount: number };
}

export class Basket {
  private readonly articles: Article[] = [];

  add(article: Article): void {
    this.articles.push(article);
  }

  total(): number {
    return this.articles.reduce((sum, article) => sum + amountOf(article), 0);
  }
}

function amountOf(article: Article): number {
  return article.price!.amount;
}
