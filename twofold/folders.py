FOLDER_DATASETS = {}
def load_folder_domain(*a): raise NotImplementedError
