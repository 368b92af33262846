# The texts of the dashboard in Spanish.

## The frame of every page

skip-to-content = Ir al contenido
nav-label = Páginas
nav-overview = Resumen
nav-models = Modelos
nav-import = Importar
signed-in-as = Sesión iniciada como
sign-out = Cerrar sesión
language-label = Idioma
footer-api = Documentación de la API
copy = Copiar
copied = Copiado
cancel = Cancelar

## Signing in

sign-in = Iniciar sesión
sign-in-hint = Use un usuario de este servidor, por ejemplo el que usa Moodle.
sign-in-user = Usuario
sign-in-password = Contraseña
sign-in-wrong = El usuario o la contraseña no es correcto.
sign-in-throttled =
    { $seconds ->
        [one] Demasiados intentos con una contraseña incorrecta. Vuelva a intentarlo dentro de { $seconds } segundo.
       *[other] Demasiados intentos con una contraseña incorrecta. Vuelva a intentarlo dentro de { $seconds } segundos.
    }
sign-in-no-users = Este servidor no tiene usuarios. Defina MOODLE_MLBACKEND_PYTHON_USERS y reinícielo.
done-sign-out = Ha cerrado la sesión.

## Overview

overview-title = Resumen
status-healthy = El servidor funciona bien
status-healthy-detail = Acepta peticiones, puede escribir en su directorio de datos y tiene espacio en el disco.
status-unhealthy = El servidor necesita atención
status-store = No se puede escribir en el directorio de datos. El registro del servidor indica el motivo.
status-disk = El disco está casi lleno. Libere espacio o reduzca MOODLE_MLBACKEND_MIN_FREE_BYTES.
status-stopping = El servidor se está deteniendo.
tile-models = Modelos
tile-training = Último entrenamiento
tile-evaluation = Última evaluación
tile-prediction = Última predicción
tile-never = todavía no
tile-problems = Problemas
tile-problems-when = en las últimas 24 horas
tile-queue = Cola
tile-queue-running =
    { $count ->
        [one] { $count } en curso
       *[other] { $count } en curso
    }
tile-queue-waiting =
    { $count ->
        [one] { $count } en espera
       *[other] { $count } en espera
    }
tile-disk = Disco
tile-disk-free = libres
tile-version = Versión
tile-certificate = Fin del certificado
tile-certificate-soon = renuévelo pronto
overview-problems =
    { $count ->
        [one] { $count } problema en las últimas 24 horas
       *[other] { $count } problemas en las últimas 24 horas
    }
overview-problems-label = Problemas de las últimas 24 horas
overview-recent = Últimas operaciones
overview-nothing-yet = Todavía no se ha pedido nada.

## What to do on an empty server

first-title = Conecte su Moodle
first-lead = Este servidor todavía no tiene modelos. Moodle le envía datos de aprendizaje en cuanto conoce el servidor.
first-command = Con un comando
first-command-hint = En la máquina de su Moodle, con la carpeta de este. El comando pide la contraseña y configura todo lo que sigue.
first-by-hand = A mano
first-by-hand-hint = Abra esta página de su Moodle e introduzca estos ajustes. Es la dirección con la que su navegador llega a este servidor; la máquina de Moodle puede necesitar otra.
first-ticked = marcada
first-not-ticked = sin marcar
first-password = la contraseña de este usuario
first-processor = Después, elija en esta página el backend de aprendizaje automático de Python como procesador de predicciones y guarde.
first-then = Desde entonces, el cron de Moodle entrena los modelos. Para ver un primer resultado, evalúe un modelo en los modelos de analítica.

## Operations and their results

operation-training = Entrenamiento
operation-evaluation = Evaluación
operation-prediction = Predicción
operation-explanation = Explicación
operation-import = Importación
operation-export = Exportación
operation-deletion = Eliminación
operation-rollback = Vuelta atrás
operation-sample-download = Descarga de datos
operation-pruning = Limpieza
result-ok = hecho
result-none = sin resultado
result-refused = rechazado
result-failed = fallido
result-abandoned = abandonado
result-interrupted = interrumpido

## Columns of tables

column-time = Fecha
column-operation = Operación
column-model = Modelo
column-user = Usuario
column-result = Resultado
column-trained = Entrenado
column-published = Publicada
column-samples = Muestras
column-score = Puntuación
column-size = Tamaño
column-log-loss = Log-loss
column-report = Informe
column-generation = Generación
column-action = Acción
column-day = Día
column-indicator = Indicador
column-importance = Importancia

## The list of models

models-count =
    { $count ->
        [one] { $count } modelo
       *[other] { $count } modelos
    }
samples-count =
    { $count ->
        [one] { $count } muestra
       *[other] { $count } muestras
    }
models-none = Todavía no hay modelos.
models-not-found = Ningún modelo coincide con la búsqueda.
models-search = Buscar
models-search-label = Id, objetivo o usuario
pages-label = Otras páginas
pages-previous = Página anterior
pages-next = Página siguiente
origin-imported = importado
origin-python-server = del servidor Python
origin-none = solo evaluaciones
origin-problem = no se puede usar

## One model

tile-score = Puntuación de la última evaluación
tile-log-loss-hint = cuanto menor, mejor
tile-generation = generación { $number }
verdict-good = buena
verdict-low = puntuación baja
verdict-varies = varía o faltan muestras
verdict-none = sin resultado
download-archive = Descargar el modelo (zip)
download-onnx = Archivo ONNX
download-samples = Muestras (CSV)
download-audit-bundle = Para una auditoría (zip)
model-scores = Puntuaciones a lo largo del tiempo
model-no-evaluation = No hay ninguna evaluación guardada. Evalúe el modelo en Moodle para ver si es bueno.
model-one-evaluation = Una segunda evaluación mostrará aquí si la puntuación sube o baja.
model-newest-report = Abrir el informe más reciente
model-evaluations =
    { $count ->
        [one] { $count } evaluación
       *[other] { $count } evaluaciones
    }
evaluation-of-trained = del modelo entrenado
report-open = Abrir
model-indicators = Indicadores que importan
model-indicators-hint = Cuánto empeoran las predicciones cuando se mezclan los valores de un indicador. Indica en qué se apoya el modelo, no qué causa el resultado.
model-generations = Generaciones
generation-current = en uso
generation-copy = copia de la { $number }
model-batches = Lotes de muestras
model-batches-hint = Lo que Moodle envió para el entrenamiento, lo más reciente primero.
batch-unknown-day = día desconocido
batches-more =
    { $count ->
        [one] { $count } lote anterior
       *[other] { $count } lotes anteriores
    }
model-facts = Sobre este modelo
fact-target = Objetivo
fact-splitting = Intervalo de análisis
fact-classes = Clases
model-trail = Registro de auditoría
model-trail-empty = La parte más reciente del registro no tiene ninguna línea sobre este modelo.

## The report of an evaluation

run-title = Informe de la evaluación
run-alone = Abrir solo el informe
run-download = Descargar todos los archivos (zip)
back-to-model = Volver al modelo

## Rolling back

rollback-title = Volver a la generación { $number }
rollback-do = Volver atrás
rollback-what = Una copia de esta generación pasa a ser la actual. Las predicciones la usan de inmediato y el próximo entrenamiento continúa con sus muestras.
rollback-undo = Las muestras posteriores solo están en la generación sustituida, que se conserva hasta el próximo entrenamiento. Otra vuelta atrás las recupera.
done-rollback = El modelo ha vuelto a la generación elegida.

## Importing

import-title = Importar un modelo
import-lead = Añade el modelo de un archivo comprimido o sustituye el guardado con los mismos identificadores.
import-id = Id del modelo (uniqueid)
import-dir = Id de su uso (dirhash)
import-ids-hint = Los identificadores de Moodle, como los muestra la página de un modelo: letras, cifras, -, _ y $.
import-file = Archivo comprimido del modelo (zip)
import-file-hint = Elija un archivo o suéltelo aquí: una exportación de este servidor, del servidor Python, o un modelo ONNX en un zip.
import-do = Importar
done-import = El modelo se ha importado.
replace-title = Sustituir este modelo
replace-hint = Por el modelo de un archivo comprimido. La generación actual se conserva, de modo que se puede volver a ella.
replace-do = Importar y sustituir

## Deleting

delete-title = Eliminar este modelo
delete-hint = Con todas sus generaciones, muestras e informes. No se puede deshacer.
delete-ask = Eliminar…
delete-what = Se elimina todo lo que hay bajo este identificador: generaciones, muestras e informes, de todos los usos. No se puede deshacer.
delete-type = Escriba el identificador para confirmar
delete-wrong = No es el identificador del modelo. No se ha eliminado nada.
delete-do = Eliminar definitivamente
done-delete = El modelo se ha eliminado.

## Errors

error-forbidden = No permitido
error-not-found = No encontrado
error-conflict = Ahora no es posible
error-busy = El servidor está ocupado
error-disk-full = El disco está lleno
error-invalid = La petición no es válida
error-internal = Algo ha fallado
error-to-overview = Al resumen
error-request = Petición en el registro:

## Trabajo en curso

nav-live = En vivo
live-title = Trabajo en curso
live-lead = Entrenamientos y evaluaciones que esperan o están en curso. Con JavaScript, esta página muestra su progreso por sí misma.
live-refresh = Actualizar
live-none = En este momento no hay nada en espera ni en curso.
percent = { $percent } %
phase-waiting = en espera
phase-reading = leyendo las muestras
phase-comparing = comparando métodos
phase-fitting = ajustando el modelo
phase-evaluating = entrenando y probando
phase-saving = guardando

## Predicciones de un archivo

predictions-title = Probar predicciones
predictions-lead = Suba un archivo de predicción como los que envía Moodle para ver qué predice este modelo y por qué. No se guarda nada del archivo.
predictions-file = Archivo de predicción (CSV)
predictions-file-hint = Elija un archivo o suéltelo aquí: con los identificadores en la primera columna y sin el objetivo.
predictions-do = Predecir
predictions-none = No hay predicciones: el modelo aún no está entrenado o el archivo no tiene muestras.
predictions-spread = Distribución de las predicciones
predictions-probability = Probabilidad de la clase { $class }
predictions-highest = Mayor probabilidad de la clase { $class }
predictions-why = Las contribuciones positivas aumentan la probabilidad de la clase, en comparación con otras muestras de las que el modelo aprendió. Describen el modelo y no son causas.
predictions-no-why = Sin explicaciones: no se guardan muestras de comparación para este modelo o el archivo tiene demasiadas.
column-sample = Muestra
column-probability = Probabilidad
column-class = Clase
column-why = Por qué
