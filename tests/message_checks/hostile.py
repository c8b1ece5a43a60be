"""HTML that tries to leave the preview: to load, to run, to send, to go elsewhere."""

ELSEWHERE = "http://127.0.0.1:{port}"
HOSTILE: dict[str, str] = {
    "script": "<script src='{e}/a.js'></script><script>fetch('{e}/a')</script>",
    "picture": "<img src='{e}/a.png' alt='x'><img srcset='{e}/a.png 1x' alt='x'>",
    "picture source": "<picture><source srcset='{e}/a.webp'><img src='{e}/a.png' alt='x'></picture>",
    "handler": "<img src=x alt=x onerror=\"location='{e}/a'\"><body onload=\"fetch('{e}/a')\">",
    "style url": '<p style="background:url(\'{e}/a.png\')">x</p><p style="background-image:url({e}/b)">x</p>',
    "style sheet": "<style>@import '{e}/a.css'; p{{background:url({e}/b.png)}} @font-face{{font-family:z;src:url({e}/f)}}</style><p style='font-family:z'>x</p>",
    "link": "<link rel=stylesheet href='{e}/a.css'><link rel=preload as=image href='{e}/b.png'><link rel=dns-prefetch href='{e}'>",
    "meta refresh": "<meta http-equiv=refresh content='0;url={e}/a'>",
    "base": "<base href='{e}/'><img src='a.png' alt='x'><a href='a'>x</a>",
    "frame": "<iframe src='{e}/a'></iframe><object data='{e}/a'></object><embed src='{e}/a'>",
    "srcdoc": "<iframe srcdoc=\"<img src='{e}/a.png'>\"></iframe>",
    "svg": "<svg><image href='{e}/a.png'/><use href='{e}/a.svg#x'/><script>fetch('{e}/a')</script></svg>",
    "math": "<math><mtext><img src='{e}/a.png'></mtext></math>",
    "form": "<form action='{e}/a'><input type=image src='{e}/a.png'><button autofocus>x</button></form>",
    "media": "<video src='{e}/a.mp4' autoplay poster='{e}/p.png'></video><audio src='{e}/a.mp3' autoplay></audio>",
    "table background": "<table background='{e}/a.png'><tr><td background='{e}/b.png'>x</td></tr></table>",
    "javascript link": "<a href=\"javascript:fetch('{e}/a')\">x</a><a href='{e}/a' ping='{e}/ping'>x</a>",
    "data page": "<iframe src=\"data:text/html,<img src='{e}/a.png'>\"></iframe>",
    "broken comment": "<!--><img src='{e}/a.png'>--><!-- --!><script>fetch('{e}/a')</script>",
    "nested noscript": "<noscript><p title=\"</noscript><img src='{e}/a.png'>\"></noscript>",
    "template": "<template><img src='{e}/a.png'></template><xmp><img src='{e}/b.png'></xmp>",
    "input with list": "<input type=image src='{e}/a.png'><isindex action='{e}/a'>",
}
