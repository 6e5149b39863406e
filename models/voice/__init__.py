"""Who speaks: gender, age, timbre, enrolled voices, voices that are no human's."""
