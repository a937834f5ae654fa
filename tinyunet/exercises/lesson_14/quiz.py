"""Lesson 14: its questions."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "limit of a small 1x1 convolution": Quiz(
        "b",
        {
            "a": "Four multiplications for each output: the machine could do ten for every number "
            "that is moved, and one is read and one written for these four.",
            "b": "For each number that is written one is read, and there are four multiplications: "
            "two a number moved, and the balance is 10.",
            "c": "They would be where the layer has ten multiplications for each number moved.",
        },
    ),
    "why bands are faster": Quiz(
        "c",
        {
            "a": "Just as many: the same patches are multiplied by the same weights.",
            "b": "Rather a little slower: very thin matrices were the slowest of the small ones.",
            "c": "Written and read again within a few hundred kilobytes, they never have to come from "
            "the large memory.",
        },
    ),
    "why four are enough": Quiz(
        "a",
        {
            "a": "p(a) = w(a) v(a): one multiplication a point, and from four values to four "
            "coefficients one needs only sums and halves.",
            "b": "All six products differ; nothing can be left out of the definition as it stands.",
            "c": "Those matrices cost no multiplications, but the saving comes from multiplying values "
            "instead of coefficients.",
        },
    ),
    "Winograd for one weight": Quiz(
        "b",
        {
            "a": "m outputs of one weight are m products, and m + 1 - 1 is m.",
            "b": "m outputs take m + 1 - 1 = m multiplications, as many as the definition: there is "
            "nothing to save in a 1x1 convolution.",
            "c": "Three weights: m + 2 in place of 3 m. With one weight both are m.",
        },
    ),
    "fewer, but not as much faster": Quiz(
        "c",
        {
            "a": "Tiles of the input overlap; each output belongs to one tile and is computed "
            "once.",
            "b": "The direct way multiplies in float32 as well.",
            "c": "The transforms are sums, but sums take time too, and so does moving what they make: "
            "tiles hold four times as many numbers as the image.",
        },
    ),
}
