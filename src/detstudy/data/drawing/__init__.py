"""How a street, its vehicles and its people are drawn; `detstudy.data.scenes` puts them on disk."""
