// The shop's own script for what is sold out: the picture it shows, once the page is there, was removed.
addEventListener('load', () => {
  setTimeout(() => {
    const picture = new Image(40, 40);
    picture.alt = 'Sold out';
    picture.src = '/images/sold-out.svg';
    document.querySelector('main').prepend(picture);
  }, 500);
});
