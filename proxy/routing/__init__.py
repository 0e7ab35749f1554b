"""The decision, pure: policy and facts make a Question; eligibility, strategies and decision answer it."""
