"""Catalogues: the folder of texts, pictures, sounds and ratings that everything else starts from."""
