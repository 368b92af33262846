# The texts of the dashboard in German.

## The frame of every page

skip-to-content = Zum Inhalt springen
nav-label = Seiten
nav-overview = Übersicht
nav-models = Modelle
nav-import = Importieren
signed-in-as = Angemeldet als
sign-out = Abmelden
language-label = Sprache
footer-api = Dokumentation der API
copy = Kopieren
copied = Kopiert
cancel = Abbrechen

## Signing in

sign-in = Anmelden
sign-in-hint = Verwenden Sie einen Benutzer dieses Servers, zum Beispiel den, den Moodle verwendet.
sign-in-user = Benutzer
sign-in-password = Passwort
sign-in-wrong = Der Benutzer oder das Passwort ist falsch.
sign-in-throttled =
    { $seconds ->
        [one] Zu viele Versuche mit falschem Passwort. Versuchen Sie es in { $seconds } Sekunde noch einmal.
       *[other] Zu viele Versuche mit falschem Passwort. Versuchen Sie es in { $seconds } Sekunden noch einmal.
    }
sign-in-no-users = Dieser Server hat keine Benutzer. Setzen Sie MOODLE_MLBACKEND_PYTHON_USERS und starten Sie ihn neu.
done-sign-out = Sie sind abgemeldet.

## Overview

overview-title = Übersicht
status-healthy = Der Server ist in Ordnung
status-healthy-detail = Er nimmt Anfragen an, kann in sein Datenverzeichnis schreiben und hat Platz auf dem Datenträger.
status-unhealthy = Der Server braucht Aufmerksamkeit
status-store = In das Datenverzeichnis kann nicht geschrieben werden. Das Protokoll des Servers nennt den Grund.
status-disk = Der Datenträger ist fast voll. Schaffen Sie Platz, oder senken Sie MOODLE_MLBACKEND_MIN_FREE_BYTES.
status-stopping = Der Server wird beendet.
tile-models = Modelle
tile-training = Letztes Training
tile-evaluation = Letzte Bewertung
tile-prediction = Letzte Vorhersage
tile-never = noch nie
tile-problems = Probleme
tile-problems-when = in den letzten 24 Stunden
tile-queue = Warteschlange
tile-queue-running =
    { $count ->
        [one] { $count } läuft
       *[other] { $count } laufen
    }
tile-queue-waiting =
    { $count ->
        [one] { $count } wartet
       *[other] { $count } warten
    }
tile-disk = Datenträger
tile-disk-free = frei
tile-version = Version
tile-certificate = Zertifikat endet
tile-certificate-soon = bald erneuern
overview-problems =
    { $count ->
        [one] { $count } Problem in den letzten 24 Stunden
       *[other] { $count } Probleme in den letzten 24 Stunden
    }
overview-problems-label = Probleme der letzten 24 Stunden
overview-recent = Letzte Vorgänge
overview-nothing-yet = Es wurde noch nichts angefragt.

## What to do on an empty server

first-title = Verbinden Sie Ihr Moodle
first-lead = Dieser Server hat noch keine Modelle. Moodle schickt ihm Daten zum Lernen, sobald es den Server kennt.
first-command = Mit einem Befehl
first-command-hint = Auf dem Rechner Ihres Moodle, mit dessen Ordner. Der Befehl fragt nach dem Passwort und stellt alles Folgende ein.
first-by-hand = Von Hand
first-by-hand-hint = Öffnen Sie diese Seite Ihres Moodle und tragen Sie diese Werte ein. Es ist die Adresse, unter der Ihr Browser diesen Server erreicht; der Rechner von Moodle braucht vielleicht eine andere.
first-ticked = angekreuzt
first-not-ticked = nicht angekreuzt
first-password = das Passwort dieses Benutzers
first-processor = Wählen Sie dann auf dieser Seite das Python-Backend für maschinelles Lernen als Vorhersageprozessor, und speichern Sie.
first-then = Von da an trainiert Moodles Cron die Modelle. Für ein erstes Ergebnis bewerten Sie ein Modell unter den Analysemodellen.

## Operations and their results

operation-training = Training
operation-evaluation = Bewertung
operation-prediction = Vorhersage
operation-explanation = Erklärung
operation-import = Import
operation-export = Export
operation-deletion = Löschung
operation-rollback = Zurücksetzen
operation-sample-download = Herunterladen von Daten
operation-pruning = Aufräumen
result-ok = erledigt
result-none = kein Ergebnis
result-refused = abgelehnt
result-failed = fehlgeschlagen
result-abandoned = abgebrochen
result-interrupted = unterbrochen

## Columns of tables

column-time = Zeit
column-operation = Vorgang
column-model = Modell
column-user = Benutzer
column-result = Ergebnis
column-trained = Trainiert
column-published = Veröffentlicht
column-samples = Beispiele
column-score = Wertung
column-size = Größe
column-log-loss = Log-Loss
column-report = Bericht
column-generation = Generation
column-action = Aktion
column-day = Tag
column-indicator = Indikator
column-importance = Bedeutung

## The list of models

models-count =
    { $count ->
        [one] { $count } Modell
       *[other] { $count } Modelle
    }
samples-count =
    { $count ->
        [one] { $count } Beispiel
       *[other] { $count } Beispiele
    }
models-none = Es gibt noch keine Modelle.
models-not-found = Kein Modell passt zur Suche.
models-search = Suchen
models-search-label = ID, Ziel oder Benutzer
pages-label = Weitere Seiten
pages-previous = Vorige Seite
pages-next = Nächste Seite
origin-imported = importiert
origin-python-server = vom Python-Server
origin-none = nur Bewertungen
origin-problem = nicht nutzbar

## One model

tile-score = Wertung der letzten Bewertung
tile-log-loss-hint = kleiner ist besser
tile-generation = Generation { $number }
verdict-good = gut
verdict-low = niedrige Wertung
verdict-varies = schwankt, oder zu wenige Beispiele
verdict-none = kein Ergebnis
download-archive = Modell herunterladen (Zip)
download-onnx = ONNX-Datei
download-samples = Beispiele (CSV)
download-audit-bundle = Für eine Prüfung (zip)
model-scores = Wertungen im Lauf der Zeit
model-no-evaluation = Es ist keine Bewertung gespeichert. Bewerten Sie das Modell in Moodle, um zu sehen, wie gut es ist.
model-one-evaluation = Mit einer zweiten Bewertung ist hier zu sehen, ob die Wertung steigt oder fällt.
model-newest-report = Den neuesten Bericht öffnen
model-evaluations =
    { $count ->
        [one] { $count } Bewertung
       *[other] { $count } Bewertungen
    }
evaluation-of-trained = des trainierten Modells
report-open = Öffnen
model-indicators = Wichtige Indikatoren
model-indicators-hint = Um wie viel schlechter die Vorhersagen werden, wenn die Werte eines Indikators vertauscht werden. Das zeigt, worauf sich das Modell stützt, nicht, was das Ergebnis verursacht.
model-generations = Generationen
generation-current = in Gebrauch
generation-copy = Kopie von { $number }
model-batches = Lieferungen von Beispielen
model-batches-hint = Was Moodle zum Training geschickt hat, das Neueste zuerst.
batch-unknown-day = unbekannter Tag
batches-more =
    { $count ->
        [one] { $count } frühere Lieferung
       *[other] { $count } frühere Lieferungen
    }
model-facts = Über dieses Modell
fact-target = Ziel
fact-splitting = Analyseintervall
fact-classes = Klassen
model-trail = Prüfprotokoll
model-trail-empty = Der neueste Teil des Protokolls enthält keine Zeile über dieses Modell.

## The report of an evaluation

run-title = Bericht der Bewertung
run-alone = Nur den Bericht öffnen
run-download = Alle Dateien herunterladen (Zip)
back-to-model = Zurück zum Modell

## Rolling back

rollback-title = Auf Generation { $number } zurücksetzen
rollback-do = Zurücksetzen
rollback-what = Eine Kopie dieser Generation wird die aktuelle. Vorhersagen nutzen sie sofort, und das nächste Training setzt bei ihren Beispielen an.
rollback-undo = Später eingetroffene Beispiele sind nur in der ersetzten Generation, die bis zum nächsten Training erhalten bleibt. Ein weiteres Zurücksetzen holt sie zurück.
done-rollback = Das Modell wurde zurückgesetzt.

## Importing

import-title = Ein Modell importieren
import-lead = Fügt das Modell eines Archivs hinzu oder ersetzt das, das unter denselben IDs gespeichert ist.
import-id = ID des Modells (uniqueid)
import-dir = ID der Verwendung (dirhash)
import-ids-hint = Moodles IDs, wie sie die Seite eines Modells zeigt: Buchstaben, Ziffern, -, _ und $.
import-file = Archiv des Modells (Zip)
import-file-hint = Wählen Sie eine Datei oder legen Sie sie hier ab: einen Export dieses Servers, einen des Python-Servers oder ein ONNX-Modell in einem Zip.
import-do = Importieren
done-import = Das Modell wurde importiert.
replace-title = Dieses Modell ersetzen
replace-hint = Durch das Modell eines Archivs. Die aktuelle Generation bleibt erhalten, sodass Sie zurücksetzen können.
replace-do = Importieren und ersetzen

## Deleting

delete-title = Dieses Modell löschen
delete-hint = Mit allen Generationen, Beispielen und Berichten. Das lässt sich nicht rückgängig machen.
delete-ask = Löschen …
delete-what = Alles unter dieser ID wird gelöscht: alle Generationen, Beispiele und Berichte, von jeder Verwendung. Das lässt sich nicht rückgängig machen.
delete-type = Geben Sie zur Bestätigung die ID ein
delete-wrong = Das ist nicht die ID des Modells. Es wurde nichts gelöscht.
delete-do = Endgültig löschen
done-delete = Das Modell wurde gelöscht.

## Errors

error-forbidden = Nicht erlaubt
error-not-found = Nicht gefunden
error-conflict = Das ist jetzt nicht möglich
error-busy = Der Server ist beschäftigt
error-disk-full = Der Datenträger ist voll
error-invalid = Die Anfrage ist nicht verwendbar
error-internal = Etwas ist schiefgegangen
error-to-overview = Zur Übersicht
error-request = Anfrage im Protokoll:

## Laufende Arbeit

nav-live = Live
live-title = Laufende Arbeit
live-lead = Trainings und Bewertungen, die warten oder laufen. Mit JavaScript zeigt diese Seite ihren Fortschritt von selbst.
live-refresh = Aktualisieren
live-none = Zurzeit wartet und läuft nichts.
percent = { $percent } %
phase-waiting = wartet
phase-reading = liest die Beispiele
phase-comparing = vergleicht Lernverfahren
phase-fitting = passt das Modell an
phase-evaluating = trainiert und prüft
phase-saving = speichert

## Vorhersagen für eine Datei

predictions-title = Vorhersagen ausprobieren
predictions-lead = Laden Sie eine Vorhersagedatei hoch, wie Moodle sie sendet, um zu sehen, was dieses Modell vorhersagt und warum. Von der Datei wird nichts gespeichert.
predictions-file = Vorhersagedatei (CSV)
predictions-file-hint = Wählen Sie eine Datei oder ziehen Sie sie hierher: mit den IDs in der ersten Spalte und ohne das Ziel.
predictions-do = Vorhersagen
predictions-none = Es gibt keine Vorhersagen: Das Modell ist noch nicht trainiert, oder die Datei hat keine Beispiele.
predictions-spread = Verteilung der Vorhersagen
predictions-probability = Wahrscheinlichkeit der Klasse { $class }
predictions-highest = Höchste Wahrscheinlichkeit der Klasse { $class }
predictions-why = Positive Beiträge erhöhen die Wahrscheinlichkeit der Klasse, verglichen mit anderen Beispielen, aus denen das Modell gelernt hat. Sie beschreiben das Modell und sind keine Ursachen.
predictions-no-why = Ohne Erklärungen: Für dieses Modell sind keine Beispiele zum Vergleich gespeichert, oder die Datei hat zu viele.
column-sample = Beispiel
column-probability = Wahrscheinlichkeit
column-class = Klasse
column-why = Warum
