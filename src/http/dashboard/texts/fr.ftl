# The texts of the dashboard in French.

## The frame of every page

skip-to-content = Aller au contenu
nav-label = Pages
nav-overview = Vue d’ensemble
nav-models = Modèles
nav-import = Importer
signed-in-as = Connecté en tant que
sign-out = Se déconnecter
language-label = Langue
footer-api = Documentation de l’API
copy = Copier
copied = Copié
cancel = Annuler

## Signing in

sign-in = Se connecter
sign-in-hint = Utilisez un utilisateur de ce serveur, par exemple celui de Moodle.
sign-in-user = Utilisateur
sign-in-password = Mot de passe
sign-in-wrong = L’utilisateur ou le mot de passe est incorrect.
sign-in-throttled =
    { $seconds ->
        [one] Trop de tentatives avec un mot de passe incorrect. Réessayez dans { $seconds } seconde.
       *[other] Trop de tentatives avec un mot de passe incorrect. Réessayez dans { $seconds } secondes.
    }
sign-in-no-users = Ce serveur n’a pas d’utilisateurs. Définissez MOODLE_MLBACKEND_PYTHON_USERS et redémarrez-le.
done-sign-out = Vous êtes déconnecté.

## Overview

overview-title = Vue d’ensemble
status-healthy = Le serveur fonctionne bien
status-healthy-detail = Il accepte les requêtes, peut écrire dans son répertoire de données et a de la place sur le disque.
status-unhealthy = Le serveur demande votre attention
status-store = Impossible d’écrire dans le répertoire de données. Le journal du serveur en donne la raison.
status-disk = Le disque est presque plein. Libérez de l’espace ou réduisez MOODLE_MLBACKEND_MIN_FREE_BYTES.
status-stopping = Le serveur est en cours d’arrêt.
tile-models = Modèles
tile-training = Dernier entraînement
tile-evaluation = Dernière évaluation
tile-prediction = Dernière prédiction
tile-never = pas encore
tile-problems = Problèmes
tile-problems-when = au cours des dernières 24 heures
tile-queue = File d’attente
tile-queue-running =
    { $count ->
        [one] { $count } en cours
       *[other] { $count } en cours
    }
tile-queue-waiting =
    { $count ->
        [one] { $count } en attente
       *[other] { $count } en attente
    }
tile-disk = Disque
tile-disk-free = libres
tile-version = Version
tile-certificate = Fin du certificat
tile-certificate-soon = à renouveler bientôt
overview-problems =
    { $count ->
        [one] { $count } problème au cours des dernières 24 heures
       *[other] { $count } problèmes au cours des dernières 24 heures
    }
overview-problems-label = Problèmes des dernières 24 heures
overview-recent = Dernières opérations
overview-nothing-yet = Aucune requête pour le moment.

## What to do on an empty server

first-title = Connectez votre Moodle
first-lead = Ce serveur n’a pas encore de modèles. Moodle lui envoie des données d’apprentissage dès qu’il connaît le serveur.
first-command = Avec une commande
first-command-hint = Sur la machine de votre Moodle, avec le dossier de celui-ci. La commande demande le mot de passe et règle tout ce qui suit.
first-by-hand = À la main
first-by-hand-hint = Ouvrez cette page de votre Moodle et saisissez ces réglages. C’est l’adresse à laquelle votre navigateur atteint ce serveur ; la machine de Moodle en demande peut-être une autre.
first-ticked = cochée
first-not-ticked = non cochée
first-password = le mot de passe de cet utilisateur
first-processor = Choisissez ensuite sur cette page le backend d’apprentissage automatique Python comme processeur de prédictions, puis enregistrez.
first-then = Dès lors, le cron de Moodle entraîne les modèles. Pour un premier résultat, évaluez un modèle parmi les modèles d’analyse.

## Operations and their results

operation-training = Entraînement
operation-evaluation = Évaluation
operation-prediction = Prédiction
operation-explanation = Explication
operation-import = Importation
operation-export = Exportation
operation-deletion = Suppression
operation-rollback = Retour en arrière
operation-sample-download = Téléchargement de données
operation-pruning = Nettoyage
result-ok = terminé
result-none = sans résultat
result-refused = refusé
result-failed = échoué
result-abandoned = abandonné
result-interrupted = interrompu

## Columns of tables

column-time = Date
column-operation = Opération
column-model = Modèle
column-user = Utilisateur
column-result = Résultat
column-trained = Entraîné
column-published = Publiée
column-samples = Échantillons
column-score = Score
column-size = Taille
column-log-loss = Log-loss
column-report = Rapport
column-generation = Génération
column-action = Action
column-day = Jour
column-indicator = Indicateur
column-importance = Importance

## The list of models

models-count =
    { $count ->
        [one] { $count } modèle
       *[other] { $count } modèles
    }
samples-count =
    { $count ->
        [one] { $count } échantillon
       *[other] { $count } échantillons
    }
models-none = Il n’y a pas encore de modèles.
models-not-found = Aucun modèle ne correspond à la recherche.
models-search = Rechercher
models-search-label = Identifiant, cible ou utilisateur
pages-label = Autres pages
pages-previous = Page précédente
pages-next = Page suivante
origin-imported = importé
origin-python-server = du serveur Python
origin-none = évaluations seules
origin-problem = inutilisable

## One model

tile-score = Score de la dernière évaluation
tile-log-loss-hint = plus bas, c’est mieux
tile-generation = génération { $number }
verdict-good = bon
verdict-low = score faible
verdict-varies = variable, ou trop peu d’échantillons
verdict-none = sans résultat
download-archive = Télécharger le modèle (zip)
download-onnx = Fichier ONNX
download-samples = Échantillons (CSV)
download-audit-bundle = Pour un audit (zip)
model-scores = Scores au fil du temps
model-no-evaluation = Aucune évaluation n’est enregistrée. Évaluez le modèle dans Moodle pour savoir s’il est bon.
model-one-evaluation = Une deuxième évaluation montrera ici si le score monte ou descend.
model-newest-report = Ouvrir le rapport le plus récent
model-evaluations =
    { $count ->
        [one] { $count } évaluation
       *[other] { $count } évaluations
    }
evaluation-of-trained = du modèle entraîné
report-open = Ouvrir
model-indicators = Indicateurs importants
model-indicators-hint = De combien les prédictions se dégradent quand les valeurs d’un indicateur sont mélangées. Cela dit sur quoi le modèle s’appuie, et non ce qui cause le résultat.
model-generations = Générations
generation-current = utilisée
generation-copy = copie de { $number }
model-batches = Lots d’échantillons
model-batches-hint = Ce que Moodle a envoyé pour l’entraînement, le plus récent d’abord.
batch-unknown-day = jour inconnu
batches-more =
    { $count ->
        [one] { $count } lot antérieur
       *[other] { $count } lots antérieurs
    }
model-facts = À propos de ce modèle
fact-target = Cible
fact-splitting = Intervalle d’analyse
fact-classes = Classes
model-trail = Journal d’audit
model-trail-empty = La partie la plus récente du journal n’a pas de ligne sur ce modèle.

## The report of an evaluation

run-title = Rapport de l’évaluation
run-alone = Ouvrir le rapport seul
run-download = Télécharger tous les fichiers (zip)
back-to-model = Retour au modèle

## Rolling back

rollback-title = Revenir à la génération { $number }
rollback-do = Revenir
rollback-what = Une copie de cette génération devient la génération utilisée. Les prédictions s’en servent aussitôt, et le prochain entraînement continue avec ses échantillons.
rollback-undo = Les échantillons arrivés plus tard ne sont que dans la génération remplacée, conservée jusqu’au prochain entraînement. Un autre retour les rétablit.
done-rollback = Le modèle est revenu à la génération choisie.

## Importing

import-title = Importer un modèle
import-lead = Ajoute le modèle d’une archive, ou remplace celui qui est enregistré sous les mêmes identifiants.
import-id = Identifiant du modèle (uniqueid)
import-dir = Identifiant de son usage (dirhash)
import-ids-hint = Les identifiants de Moodle, tels que la page d’un modèle les montre : lettres, chiffres, -, _ et $.
import-file = Archive du modèle (zip)
import-file-hint = Choisissez un fichier ou déposez-le ici : une exportation de ce serveur, du serveur Python, ou un modèle ONNX dans un zip.
import-do = Importer
done-import = Le modèle a été importé.
replace-title = Remplacer ce modèle
replace-hint = Par le modèle d’une archive. La génération actuelle est conservée : vous pourrez y revenir.
replace-do = Importer et remplacer

## Deleting

delete-title = Supprimer ce modèle
delete-hint = Avec toutes ses générations, ses échantillons et ses rapports. C’est irréversible.
delete-ask = Supprimer…
delete-what = Tout ce qui porte cet identifiant est supprimé : générations, échantillons et rapports, de tous les usages. C’est irréversible.
delete-type = Saisissez l’identifiant pour confirmer
delete-wrong = Ce n’est pas l’identifiant du modèle. Rien n’a été supprimé.
delete-do = Supprimer définitivement
done-delete = Le modèle a été supprimé.

## Errors

error-forbidden = Non autorisé
error-not-found = Introuvable
error-conflict = Impossible pour le moment
error-busy = Le serveur est occupé
error-disk-full = Le disque est plein
error-invalid = La requête est inutilisable
error-internal = Une erreur s’est produite
error-to-overview = Vers la vue d’ensemble
error-request = Requête dans le journal :

## Travaux en cours

nav-live = En direct
live-title = Travaux en cours
live-lead = Les entraînements et les évaluations en attente ou en cours. Avec JavaScript, cette page montre leur progression d’elle-même.
live-refresh = Actualiser
live-none = Rien n’est en attente ni en cours pour le moment.
percent = { $percent } %
phase-waiting = en attente
phase-reading = lecture des échantillons
phase-comparing = comparaison des méthodes
phase-fitting = ajustement du modèle
phase-evaluating = entraînement et test
phase-saving = enregistrement

## Prédictions d’un fichier

predictions-title = Essayer des prédictions
predictions-lead = Envoyez un fichier de prédiction comme Moodle l’envoie pour voir ce que ce modèle prédit, et pourquoi. Rien du fichier n’est conservé.
predictions-file = Fichier de prédiction (CSV)
predictions-file-hint = Choisissez un fichier ou déposez-le ici : avec les identifiants dans la première colonne et sans la cible.
predictions-do = Prédire
predictions-none = Il n’y a pas de prédictions : le modèle n’est pas encore entraîné, ou le fichier n’a pas d’échantillons.
predictions-spread = Répartition des prédictions
predictions-probability = Probabilité de la classe { $class }
predictions-highest = Plus forte probabilité de la classe { $class }
predictions-why = Les contributions positives augmentent la probabilité de la classe, par rapport à d’autres échantillons dont le modèle a appris. Elles décrivent le modèle et ne sont pas des causes.
predictions-no-why = Sans explications : aucun échantillon de comparaison n’est conservé pour ce modèle, ou le fichier en a trop.
column-sample = Échantillon
column-probability = Probabilité
column-class = Classe
column-why = Pourquoi
