# The texts of the dashboard in Portuguese.

## The frame of every page

skip-to-content = Ir para o conteúdo
nav-label = Páginas
nav-overview = Visão geral
nav-models = Modelos
nav-import = Importar
signed-in-as = Sessão iniciada como
sign-out = Terminar sessão
language-label = Idioma
footer-api = Documentação da API
copy = Copiar
copied = Copiado
cancel = Cancelar

## Signing in

sign-in = Iniciar sessão
sign-in-hint = Use um utilizador deste servidor, por exemplo o que o Moodle usa.
sign-in-user = Utilizador
sign-in-password = Palavra-passe
sign-in-wrong = O utilizador ou a palavra-passe está incorreto.
sign-in-throttled =
    { $seconds ->
        [one] Demasiadas tentativas com uma palavra-passe incorreta. Tente de novo dentro de { $seconds } segundo.
       *[other] Demasiadas tentativas com uma palavra-passe incorreta. Tente de novo dentro de { $seconds } segundos.
    }
sign-in-no-users = Este servidor não tem utilizadores. Defina MOODLE_MLBACKEND_PYTHON_USERS e reinicie-o.
done-sign-out = A sessão foi terminada.

## Overview

overview-title = Visão geral
status-healthy = O servidor está a funcionar bem
status-healthy-detail = Aceita pedidos, pode escrever no diretório de dados e tem espaço no disco.
status-unhealthy = O servidor precisa de atenção
status-store = Não é possível escrever no diretório de dados. O registo do servidor indica o motivo.
status-disk = O disco está quase cheio. Liberte espaço ou reduza MOODLE_MLBACKEND_MIN_FREE_BYTES.
status-stopping = O servidor está a parar.
tile-models = Modelos
tile-training = Último treino
tile-evaluation = Última avaliação
tile-prediction = Última previsão
tile-never = ainda não
tile-problems = Problemas
tile-problems-when = nas últimas 24 horas
tile-queue = Fila
tile-queue-running =
    { $count ->
        [one] { $count } em curso
       *[other] { $count } em curso
    }
tile-queue-waiting =
    { $count ->
        [one] { $count } em espera
       *[other] { $count } em espera
    }
tile-disk = Disco
tile-disk-free = livres
tile-version = Versão
tile-certificate = Fim do certificado
tile-certificate-soon = renove-o em breve
overview-problems =
    { $count ->
        [one] { $count } problema nas últimas 24 horas
       *[other] { $count } problemas nas últimas 24 horas
    }
overview-problems-label = Problemas das últimas 24 horas
overview-recent = Últimas operações
overview-nothing-yet = Ainda não foi pedido nada.

## What to do on an empty server

first-title = Ligue o seu Moodle
first-lead = Este servidor ainda não tem modelos. O Moodle envia-lhe dados de aprendizagem assim que conhecer o servidor.
first-command = Com um comando
first-command-hint = Na máquina do seu Moodle, com a respetiva pasta. O comando pede a palavra-passe e configura tudo o que se segue.
first-by-hand = À mão
first-by-hand-hint = Abra esta página do seu Moodle e introduza estas definições. É o endereço com que o seu navegador chega a este servidor; a máquina do Moodle pode precisar de outro.
first-ticked = assinalada
first-not-ticked = não assinalada
first-password = a palavra-passe deste utilizador
first-processor = Depois, escolha nesta página o backend de aprendizagem automática em Python como processador de previsões e guarde.
first-then = A partir daí, o cron do Moodle treina os modelos. Para ver um primeiro resultado, avalie um modelo nos modelos de análise.

## Operations and their results

operation-training = Treino
operation-evaluation = Avaliação
operation-prediction = Previsão
operation-explanation = Explicação
operation-import = Importação
operation-export = Exportação
operation-deletion = Eliminação
operation-rollback = Reversão
operation-sample-download = Transferência de dados
operation-pruning = Limpeza
result-ok = concluído
result-none = sem resultado
result-refused = recusado
result-failed = falhou
result-abandoned = abandonado
result-interrupted = interrompido

## Columns of tables

column-time = Data
column-operation = Operação
column-model = Modelo
column-user = Utilizador
column-result = Resultado
column-trained = Treinado
column-published = Publicada
column-samples = Amostras
column-score = Pontuação
column-size = Tamanho
column-log-loss = Log-loss
column-report = Relatório
column-generation = Geração
column-action = Ação
column-day = Dia
column-indicator = Indicador
column-importance = Importância

## The list of models

models-count =
    { $count ->
        [one] { $count } modelo
       *[other] { $count } modelos
    }
samples-count =
    { $count ->
        [one] { $count } amostra
       *[other] { $count } amostras
    }
models-none = Ainda não há modelos.
models-not-found = Nenhum modelo corresponde à pesquisa.
models-search = Pesquisar
models-search-label = Id, alvo ou utilizador
pages-label = Outras páginas
pages-previous = Página anterior
pages-next = Página seguinte
origin-imported = importado
origin-python-server = do servidor Python
origin-none = só avaliações
origin-problem = não utilizável

## One model

tile-score = Pontuação da última avaliação
tile-log-loss-hint = quanto menor, melhor
tile-generation = geração { $number }
verdict-good = boa
verdict-low = pontuação baixa
verdict-varies = varia ou faltam amostras
verdict-none = sem resultado
download-archive = Transferir o modelo (zip)
download-onnx = Ficheiro ONNX
download-samples = Amostras (CSV)
download-audit-bundle = Para uma auditoria (zip)
model-scores = Pontuações ao longo do tempo
model-no-evaluation = Não há nenhuma avaliação guardada. Avalie o modelo no Moodle para ver se é bom.
model-one-evaluation = Uma segunda avaliação mostrará aqui se a pontuação sobe ou desce.
model-newest-report = Abrir o relatório mais recente
model-evaluations =
    { $count ->
        [one] { $count } avaliação
       *[other] { $count } avaliações
    }
evaluation-of-trained = do modelo treinado
report-open = Abrir
model-indicators = Indicadores que importam
model-indicators-hint = Quanto pioram as previsões quando os valores de um indicador são baralhados. Indica em que o modelo se apoia, e não o que causa o resultado.
model-generations = Gerações
generation-current = em uso
generation-copy = cópia da { $number }
model-batches = Lotes de amostras
model-batches-hint = O que o Moodle enviou para o treino, o mais recente primeiro.
batch-unknown-day = dia desconhecido
batches-more =
    { $count ->
        [one] { $count } lote anterior
       *[other] { $count } lotes anteriores
    }
model-facts = Sobre este modelo
fact-target = Alvo
fact-splitting = Intervalo de análise
fact-classes = Classes
model-trail = Registo de auditoria
model-trail-empty = A parte mais recente do registo não tem nenhuma linha sobre este modelo.

## The report of an evaluation

run-title = Relatório da avaliação
run-alone = Abrir só o relatório
run-download = Transferir todos os ficheiros (zip)
back-to-model = Voltar ao modelo

## Rolling back

rollback-title = Voltar à geração { $number }
rollback-do = Reverter
rollback-what = Uma cópia desta geração passa a ser a atual. As previsões usam-na de imediato e o próximo treino continua com as suas amostras.
rollback-undo = As amostras posteriores estão só na geração substituída, que se mantém até ao próximo treino. Outra reversão recupera-as.
done-rollback = O modelo voltou à geração escolhida.

## Importing

import-title = Importar um modelo
import-lead = Adiciona o modelo de um arquivo ou substitui o que está guardado com os mesmos identificadores.
import-id = Id do modelo (uniqueid)
import-dir = Id do seu uso (dirhash)
import-ids-hint = Os identificadores do Moodle, como os mostra a página de um modelo: letras, algarismos, -, _ e $.
import-file = Arquivo do modelo (zip)
import-file-hint = Escolha um ficheiro ou largue-o aqui: uma exportação deste servidor, do servidor Python, ou um modelo ONNX num zip.
import-do = Importar
done-import = O modelo foi importado.
replace-title = Substituir este modelo
replace-hint = Pelo modelo de um arquivo. A geração atual mantém-se, pelo que pode voltar a ela.
replace-do = Importar e substituir

## Deleting

delete-title = Eliminar este modelo
delete-hint = Com todas as suas gerações, amostras e relatórios. Não pode ser anulado.
delete-ask = Eliminar…
delete-what = É eliminado tudo o que está sob este identificador: gerações, amostras e relatórios, de todos os usos. Não pode ser anulado.
delete-type = Escreva o identificador para confirmar
delete-wrong = Não é o identificador do modelo. Nada foi eliminado.
delete-do = Eliminar definitivamente
done-delete = O modelo foi eliminado.

## Errors

error-forbidden = Não permitido
error-not-found = Não encontrado
error-conflict = Agora não é possível
error-busy = O servidor está ocupado
error-disk-full = O disco está cheio
error-invalid = O pedido não é válido
error-internal = Algo correu mal
error-to-overview = Para a visão geral
error-request = Pedido no registo:

## Trabalho em curso

nav-live = Ao vivo
live-title = Trabalho em curso
live-lead = Treinos e avaliações que esperam ou estão em curso. Com JavaScript, esta página mostra o progresso por si mesma.
live-refresh = Atualizar
live-none = Neste momento, nada está à espera nem em curso.
percent = { $percent }%
phase-waiting = à espera
phase-reading = a ler as amostras
phase-comparing = a comparar métodos
phase-fitting = a ajustar o modelo
phase-evaluating = a treinar e a testar
phase-saving = a guardar

## Previsões de um ficheiro

predictions-title = Experimentar previsões
predictions-lead = Envie um ficheiro de previsão como os do Moodle para ver o que este modelo prevê e porquê. Nada do ficheiro é guardado.
predictions-file = Ficheiro de previsão (CSV)
predictions-file-hint = Escolha um ficheiro ou largue-o aqui: com os identificadores na primeira coluna e sem o alvo.
predictions-do = Prever
predictions-none = Não há previsões: o modelo ainda não está treinado ou o ficheiro não tem amostras.
predictions-spread = Distribuição das previsões
predictions-probability = Probabilidade da classe { $class }
predictions-highest = Maior probabilidade da classe { $class }
predictions-why = As contribuições positivas aumentam a probabilidade da classe, em comparação com outras amostras com que o modelo aprendeu. Descrevem o modelo e não são causas.
predictions-no-why = Sem explicações: não há amostras de comparação guardadas para este modelo ou o ficheiro tem demasiadas.
column-sample = Amostra
column-probability = Probabilidade
column-class = Classe
column-why = Porquê
